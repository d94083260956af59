import sym,torch,time,sys
from sym import *
torch.set_num_threads(1)
for cfg in (Config(w=32),Config(w=32,um=1),Config(w=48,um=1,nL=2),Config(w=48,nL=2,nH=1),Config(w=64),Config(w=16)):
  for un in (units(9,3,3),units(6,2,3),units(4,2,2)):
    m=Model(cfg); m.head[:2*cfg.w]=torch.randn(2*cfg.w)*.3
    C=ccfg(cfg,un); B=3;n=un.n
    p=torch.randint(0,n+1,(B,un.S)).to(torch.int8); lab=torch.randint(0,n,(B,un.S)).to(torch.int8)
    kinds=kinds_of(p,n)
    zH=aligned(B,n,un.S,cfg.w);zL=aligned(B,n,un.S,cfg.w);zH.normal_();zL.normal_()
    r=Model(cfg);r.load(m.state())
    for k in ('weights','E','head'): setattr(r,k,getattr(r,k).clone().requires_grad_())
    a,b,lo,q=ref_segment(r,un,kinds,zH.clone(),zL.clone(),math.sqrt(n))
    ce=F.cross_entropy(lo.transpose(1,2).reshape(-1,n),lab.reshape(-1).long())
    right=(lo.argmax(1)==lab).all(1).float()
    (ce+.05*F.binary_cross_entropy_with_logits(q,right)).backward()
    g={k:aligned(*v.shape) for k,v in m.params().items()}
    lo2,q2,loss=segment(m,C,kinds,zH,zL,lab,g)
    e=lambda x,y:((x-y).abs().max()/y.abs().max()).item()
    print(cfg.w,n,m.count(),*['%.1e'%v for v in (e(zH,a),e(zL,b),e(lo2,lo),e(q2,q),abs(loss.mean()-ce).item())],*['%.1e'%e(g[k],getattr(r,k).grad) for k in g])
for w in (32,48,64):
   for um in (0,1):
    cfg=Config(w=w,um=um);un=units(9,3,3);m=Model(cfg);C=ccfg(cfg,un);B=32
    kinds=kinds_of(torch.randint(0,10,(B,81)).to(torch.int8),9);zH,zL=start(m,B,9,81);lab=torch.randint(0,9,(B,81)).to(torch.int8)
    g={k:aligned(*v.shape) for k,v in m.params().items()}
    for tr in (1,0):
        segment(m,C,kinds,zH,zL,lab if tr else None,g)
        t=time.process_time()
        for _ in range(4): segment(m,C,kinds,zH,zL,lab if tr else None,g)
        dt=(time.process_time()-t)/4
        fl=(3 if tr else 1)*6*2*B*729*(2*w*w+3*w*cfg.inner+w*w*(27/81+1/9))
        print('w',w,'um',um,'train' if tr else 'infer','%.1f ms %.0f seg/s %.0f GF'%(dt*1e3,B/dt,fl/dt/1e9))
