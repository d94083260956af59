import sys; sys.path.insert(0,'../../..')
from maze import *
from hrm_model.tasks import maze as bm
torch.set_num_threads(1); rng=np.random.default_rng(0)
for k in range(30):
    n=int(rng.integers(5,25)); g,L=make(n,n,rng); t,dG,dS=targets(g,n,n)
    sol=bm.solve(g); assert ((sol==bm.PATH)==(t[:,0]==1)).all(); assert dG[g==3]==bm.shortest_paths(g[None]).length[0]
    assert right(g,n,n,t[:,0]==1) and bm.is_right(sol[None],g[None])[0]
cfg=Config(w=32); m=Model(cfg); m.head[:]=torch.randn_like(m.head)*.3
sizes=np.array([[7,9],[12,11],[5,5]],np.int32); st=160; B=3
kinds=torch.zeros(B,st,dtype=torch.int8); tg=torch.zeros(B,st,K,dtype=torch.int8)-1
for i,(R,C) in enumerate(sizes):
    g,L=make(R,C,rng); t,_,_=targets(g,R,C); kinds[i,:R*C]=torch.as_tensor(g-1); tg[i,:R*C]=torch.as_tensor(t)
zH=aligned(B,st,32);zL=aligned(B,st,32);zH.normal_();zL.normal_()
r=Model(cfg);r.load(m.state())
for k in ('weights','E','head'): setattr(r,k,getattr(r,k).clone().requires_grad_())
kw=[1,.3,.3,.3,.3,.2,.2,.2]; tot=0; outs=[]
for i,(R,C) in enumerate(sizes):
    N=R*C; a,b,lo,q=ref_segment(r,kinds[i,:N].view(R,C),zH[i,:N].view(R,C,-1).clone(),zL[i,:N].view(R,C,-1).clone())
    lo=lo.reshape(N,K); y=tg[i,:N].float(); bad=((lo[:,0]>0)!=(y[:,0]>0))[y[:,0]>=0].any()
    for k in range(K):
        s=y[:,k]>=0; tot=tot+kw[k]*F.binary_cross_entropy_with_logits(lo[s,k],y[s,k])
    tot=tot+.05*F.binary_cross_entropy_with_logits(q,1-bad.float()); outs.append((a,b,lo,q))
(tot/3).backward()
gr={k:aligned(*v.shape) for k,v in m.params().items()}
lo2,q2,loss,wr=segment(m,st,sizes,kinds,zH,zL,tg,gr,kw)
e=lambda x,y:((x-y).abs().max()/y.abs().max()).item()
for i,(R,C) in enumerate(sizes):
    N=R*C; print(e(zH[i,:N],outs[i][0].reshape(N,-1)),e(lo2[i,:N],outs[i][2]),e(q2[i],outs[i][3]))
for k in gr: print(k,e(gr[k],getattr(r,k).grad))
t=time.process_time(); [make(13,13,rng) for _ in range(500)]; print('make ms',(time.process_time()-t)*2)
Ls=[make(30,30,rng,least=60)[1] for _ in range(50)]; print(np.percentile(Ls,[0,50,100]))
